"""What the numbers of a study mean: curves over time, baselines, indices, summaries, comparisons, synchrony.

Figures are pure functions of arrays; each module opens with its formulas and their sources.

    curves          a person in a video: frames as cells of time, smoothed (`mien.recognition.smoothing`), with episodes
                    (`mien.recognition.episodes`)
    windows         the stretches of a video that figures are about
    indices         valence, expressiveness, positive, negative
    baseline        each person's own baseline, subtracted
    bootstrap       intervals of one person's figures, over blocks of time
    summary         one row for each person, condition, event and expression
    compare         conditions, within and between participants
    synchrony       two people: windowed lagged correlation, with surrogates
    tables          the files in out/
"""
