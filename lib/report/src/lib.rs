//! Log lines and error chains as all programs print them
