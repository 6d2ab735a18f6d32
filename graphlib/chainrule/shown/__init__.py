"""What text and notebooks show: text made safe, numbers written short, arrays in HTML tables."""
