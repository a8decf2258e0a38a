"""Attacks, accidents and faults of protocol: what a reviewer should look at, found in finished tables."""
