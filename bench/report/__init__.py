"""What is rendered from the store: pictures, later tables and a page."""
