"""The catalogue from and to CSV files."""
