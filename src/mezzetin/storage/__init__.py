"""The one door to bytes: places that hold files, and the manifests that make a folder an artefact."""
