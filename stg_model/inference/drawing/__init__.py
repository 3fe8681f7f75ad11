"""Pictures of what was said of a video: an annotated film, a contact sheet, a timeline."""
