"""Values that nobody has given: parameters to start with, random feeds that the rules admit."""
