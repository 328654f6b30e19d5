//! Starts and drives local virtual machines
