"""One machine without containers: fetches, starts and supervises everything that the product needs."""
