"""What is compared: methods that synthesise the slice between two others."""
