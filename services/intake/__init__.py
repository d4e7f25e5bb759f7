"""intake: a report comes in. It registers, classifies and seals; what becomes of the child is for cases."""
