//! System calls behind safe functions: the only unsafe code
