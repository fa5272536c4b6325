"""The collection as IIIF: Presentation 3 and Content Search 2, with what the gallery shows to whoever asks."""
