"""The admin of every service: sections, lists, forms and links, everything bounded."""
