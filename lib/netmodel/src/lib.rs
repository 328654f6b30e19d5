//! Wanted network state and the DHCP client state machine; pure
