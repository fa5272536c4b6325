"""Publication: what leaves a collection: tables, sidecars, texts inside pictures, IIIF, JSON-LD, a gallery of files."""
