"""What people and other programs see: listings, ladders, the report. Everything printed goes through `safe`."""
