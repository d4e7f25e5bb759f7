"""The foundation that every service stands on. It knows no service."""
