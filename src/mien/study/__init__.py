"""Studies: from the videos of many participants to the tables of a paper, with one small file of settings.

A study is a folder:

    study.toml      what is in it, and the rules (`mien.study.project`); written by `mien study init`, edited by hand
    videos.csv      one row per video or part of one: participant, session, condition, file, start, end, offset
                    (`mien.study.clips`); a glob in study.toml does as well
    persons.csv     the tracks of each video and the person that each belongs to; names, merges and removals are edited
                    here and kept (`mien.study.people`)
    cache/          what the networks said: never edited, and may be deleted (`mien.study.cache`)
        KEY.parquet     the rows of `mien predict` (`mien.faces.faces.columns(classes, FRAME)`); KEY is a digest of the
                        video's bytes and the settings of recognition
        KEY.json        a `Recognised`: written once the video is done; without it the video is continued
    out/            what a run makes of all this, anew each time
        settings.json       versions, settings, rules, sources with their hashes, what was left out, with counts
        frames/VIDEO.parquet    one data set: a reader of the folder has all frames (`mien.study.frames`)
        frames.csv, frames_sav/ copies, if asked for
        videos.csv          what became of each row of videos.csv: frames, with a face, usable, why not
        events.csv          the events as used, in seconds of the video and of the study
        page.html, timelines/       to see and check (`mien.study.page`, `mien.study.timeline`)
        episodes.csv, summary.csv, summary_wide.csv ...    (`mien.study.numbers`)
        compare_*.json, synchrony.json    how these were made, for `mien study methods`
        export/             codings for other programs (`mien.study.export`)
        shared/             copies of the videos in which faces are covered (`mien.study.share`)

The columns of a frame, in this order; one row per frame and face, and one for a frame in which nobody was found:

    participant, session, condition, video    text, of the row of videos.csv; `video` is the name of the file, with its
                    folders where two have one name
    frame           int64, counts the frames of the file from 0
    time            float64, seconds from the start of the file
    time_study      float64, time + offset: the clock that the videos of a participant and session share
    track           int64, null without a face
    person          text, the name from persons.csv; null without a face
    x, y, w, h      int64, the box in pixels of the upright image
    detection, expression, confidence, quality, roll, yaw, pitch, uncertain, prediction_set, detector    as in
                    docs/videos.md
    events          text, the labels of the events at this moment, with | between them; "" where there is none
    usable          bool, whether the numbers take this row
    reason          text, "" where usable; else why not, with | between: "no face", "removed" (persons.csv), a reason of
                    quality that [rules] names, "excluded: LABEL"
    p_CLASS         float64, the probability of each class of the model, not smoothed; null without a face

Events (`mien.study.events.Event`) have participant, session, video, start, end (seconds), label. One that names a
video is in seconds of that video; any other in seconds of the study (time_study).

The modules, each of which imports only those above it:

    project     study.toml: `Study`, `StudySettings`, `StudyRules`; errors of one line
    clips       `Clip`, a row of videos.csv with its file
    init        `mien study init`
    events      which events of files (`mien.core.event_files`) belong to a clip
    cache       what is in cache/, and of which video
    video_task  one video -> its table in cache/
    workers     several videos at a time: processes, Ray's actors, memory
    recognise   videos -> cache/: those that are not there
    state       which files in out/ belong together
    tables      CSV, Parquet and SPSS files
    frames      cache/ + persons + rules -> out/frames/
    people      tracks -> persons; persons.csv
    numbers     pure functions of arrays: smoothing in time, episodes, baseline, indices, summary, compare, synchrony
    run         `mien study run`: all of it in order
    material    sentences on participants, persons, events and frames
    methods     `mien study methods`: what a paper says of it
    export, share    `mien study export` and `mien study share`
    timeline    figures for print
    page        one page to see and check

Tables are `pyarrow.Table`s; frames come in pieces (`mien.study.frames.pieces`), never all at once. Where only curves
are needed, NumPy arrays: times [n] in seconds, probabilities [n, k]. What needs the pixels of a frame is a part of
`Recognizer.follow`, which sees each once.

A setting recomputes what it touches: the table [settings] of study.toml is what the networks see; [numbers], rules,
persons and events change out/ only.
"""
