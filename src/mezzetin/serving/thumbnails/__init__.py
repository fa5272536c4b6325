"""Small copies of a collection's pictures, for the pages that show them: review and the gallery."""
