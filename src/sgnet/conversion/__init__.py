"""Labels of other forms and tools to YouTube-VIS, and tracks back to them."""
