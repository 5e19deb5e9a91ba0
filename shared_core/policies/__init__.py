"""What is worth it: quality and cost in, utility out."""
