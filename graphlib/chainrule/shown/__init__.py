"""What text and notebooks show of numbers and arrays: written short, and in HTML tables."""
