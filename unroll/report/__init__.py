"""What people read of a comparison: tables, figures, the page."""
