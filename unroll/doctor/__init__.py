"""What a crash can leave behind: found, told, and mended."""
