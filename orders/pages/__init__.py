"""The pages of orders: the way to an order, and what became of it."""
