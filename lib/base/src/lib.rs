//! Small value types shared by all rooms
