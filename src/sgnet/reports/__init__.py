"""Tables, plots and comparisons of finished runs."""
