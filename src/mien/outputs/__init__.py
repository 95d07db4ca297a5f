"""What recognition writes: tables, galleries, timelines, annotated copies, submissions."""
