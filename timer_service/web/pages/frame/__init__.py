"""What all views share: the document around them, live parts, forms, cookies, headers and problems in words."""
