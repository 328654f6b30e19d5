//! Numbered generations on disk, safe against power cuts
