"""`mien study page`: a study on one page, to see and to check. It opens from the disk and asks no server.

write       collects what the page shows, and writes it
series      curves, states of the face, episodes and events, as bytes
moments     short clips of the strongest episodes
quality     share of frames with a face, and why others are not used, minute by minute
tracks      the rows of persons.csv, with pictures, and which tracks are seen together
templates/  the page and its style
static/     its scripts, modules that are joined into one script (`mien.core.html.inline_modules`)
"""
