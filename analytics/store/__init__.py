"""The tables, and every statement that writes raw rows or reads many of them."""
