"""The named recipes: each states its source, its cost and the score it should reach, and replaces what differs."""

from dataclasses import replace

from mien.core.labels import ALPHABETICAL, FACIAL_EXPRESSIONS, FER2013, FERPLUS, THREE
from mien.recipes.recipe import About, Recipe
from mien.recipes.sources import OPEN, STATED

RECIPES: dict[str, Recipe] = {}
ABOUT: dict[str, About] = {}


def _publish(recipe: Recipe, *, source: str, dataset: str, cost: str, expected: str) -> None:
    stated, left_open = (texts.get(recipe.name, {}) for texts in (STATED, OPEN))
    RECIPES[recipe.name] = recipe
    ABOUT[recipe.name] = About(source, dataset, cost, expected, stated, left_open)


# a line or two each for network and data, augmentation, optimisation
# fmt: off
_publish(
    Recipe(
        name="efficientnet-b0", classes=ALPHABETICAL, model="timm/efficientnet_b0", pretrained=True, channels=3,
        flip=0.5, rotate=20,
        batch=32, drop_last=False, epochs=15,
    ),
    source="EfficientNet-B0 (Tan & Le 2019) on Kaggle's face-expression-recognition-dataset",
    dataset="folder",
    cost="published: 13 minutes an epoch; here: 5 minutes an epoch on one CPU core",
    expected="published, from ImageNet weights: validation accuracy 0.6569 after epoch 14; 0.6497 with the weights "
    "kept, those of epoch 4 with the lowest validation loss; train loss 0.5276 in epoch 15",
)
_publish(
    Recipe(
        name="three-class", classes=THREE, model="three-class",
        batch=64, drop_last=False, epochs=50, schedule="plateau", patience=5, early_stop=10, select="accuracy",
    ),
    source="a three-class CNN for a Kaggle leaderboard: angry, happy, neutral",
    dataset="arrays",
    cost="17 epochs of 67 seconds or more on one CPU core, shared",
    expected="0.76696, the leaderboard's pass mark; 0.7842 on PublicTest, n = 1,969, 1 seed",
)
_publish(
    Recipe(
        name="resnet9", classes=ALPHABETICAL, model="resnet9", scaling="measured", channels=3,
        flip=0.5, pad=4, crop=32,
        batch=128, drop_last=False, epochs=15, lr=1e-2, weight_decay=1e-4, clip_value=0.1, schedule="one-cycle",
    ),
    source="ResNet9 with one-cycle learning (after Page 2018) on Kaggle's folders",
    dataset="folder",
    cost="half an hour an epoch on one CPU core, shared",
    expected="none published; 0.2558 on the validation split after 1 epoch of 202 steps, n = 6,346, 1 seed",
)
_publish(
    Recipe(name="vgg-5x5", classes=FER2013, model="vgg-5x5", batch=64, drop_last=False, epochs=20, select="last"),
    source="a CNN with 5x5 filters on fer2013.csv",
    dataset="fer2013",
    cost="half an hour an epoch on one CPU core: 20 epochs need a GPU",
    expected="none published; 0.4051 on PublicTest after 250 steps, n = 3,589, 1 seed",
)
_publish(
    Recipe(
        name="three-conv", classes=FACIAL_EXPRESSIONS, model="three-conv",
        batch=64, drop_last=False, epochs=10, lr=1e-2,
    ),
    source="a small CNN on muxspace/facial_expressions",
    dataset="facial_expressions",
    cost="10 epochs of 25 seconds on one CPU core, shared",
    expected="none published; 0.4579, 0.6641 and 0.6419 on people not trained on, n = 1,402, 3 seeds: the first always "
    "says neutral",
)
_publish(
    Recipe(
        name="mien", classes=FER2013, model="mien", scaling="measured",
        flip=0.5, rotate=12, zoom=0.1, shift=4, contrast=0.2, erase=0.25,
        batch=128, epochs=28, optimizer="sgd", lr=0.1, weight_decay=5e-4, schedule="one-cycle",
        label_smoothing=0.1, ema=0.998, select="last",
    ),
    source="ours: a small residual network (He et al. 2016), one-cycle learning, label smoothing, weight averaging",
    dataset="fer2013",
    cost="28 epochs of 136 seconds on one CPU core",
    expected="0.6715 on PublicTest, single view, n = 3,589, 1 seed",
)
_publish(
    replace(
        RECIPES["mien"], name="mien-votes", classes=FERPLUS, targets="distribution", further_outputs=("label",),
        drop_duplicates=True, progressive_resize=0.6,
        epochs=50, ema=0.999, calibrate=True,
    ),
    source="ours: the network of `mien` with two outputs: the FER+ votes (primary) and FER2013's labels",
    dataset="fer2013 with FER+ votes, with --photos of facial_expressions",
    cost="30 epochs of 49 and 20 of 115 seconds on one CPU core",
    expected="0.6765 on PublicTest, 0.868 on its FER+ majority, single view, n = 3,589 and 3,199, 1 seed",
)
_publish(
    replace(RECIPES["mien-votes"], name="mien-polish", progressive_resize=0.0, epochs=34, lr=0.04),
    source="ours: a second cycle for a finished run of mien-votes, named with --start; the bundled `small`",
    dataset="fer2013 with FER+ votes, with --photos of facial_expressions",
    cost="34 epochs of 2 minutes on one CPU core",
    expected="0.6896 on PublicTest, 0.869 on its FER+ majority, single view, n = 3,589 and 3,199, 1 seed",
)
_publish(
    replace(
        RECIPES["mien-votes"], name="mien-wide", model="mien-wide", progressive_resize=0.0, logit_adjust=True,
        rotate=15, zoom=0.2, erase=0, degrade=0.2, occlude=0.15, cutmix=0.3,
        batch=256, lr=0.2, epochs=80,
    ),
    source="ours: a wider network at the full size of the faces, trained for even shares of the classes (Menon et al. "
    "2021), with degraded and covered faces",
    dataset="fer2013 with FER+ votes, with --photos of facial_expressions",
    cost="4 to 5 minutes an epoch on one CPU core",
    expected="not measured; mien-distilled, which is this with teachers, is the bundled one",
)
for model, epochs, lr, cutmix, kind, cost, found in (
    ("mien-large", 78, 0.1, 0.2, "a ResNet-18 (He et al. 2016) at the full size of the faces", "2.7", "0.7144"),
    ("mien-se", 102, 0.2, 0.3, "twice mien-wide, squeeze-and-excitation (Hu et al. 2018)", "1.9", "0.7052"),
):
    _publish(
        replace(
            RECIPES["mien-wide"], name=model, model=model, epochs=epochs, lr=lr, progressive_resize=0.5,
            zoom=0.15, degrade=0.15, occlude=0.1, cutmix=cutmix,
        ),
        source=f"ours: a teacher of mien-distilled; {kind}",
        dataset="fer2013 with FER+ votes, with --photos of facial_expressions",
        cost=f"{epochs} epochs of {cost} seconds on an H200, three trainings at a time",
        expected=f"{found} on PublicTest, single view, n = 3,589, 1 seed",
    )
_publish(
    replace(RECIPES["mien-wide"], name="mien-distilled", distill=0.7, lr=0.1, epochs=167),
    source="ours: mien-wide that also learns from --teachers (Hinton et al. 2015; Beyer et al. 2022): two mien-large, "
    "mien-se and the bundled `small`",
    dataset="fer2013 with FER+ votes, with --photos of facial_expressions",
    cost="167 epochs of 1.3 seconds on an H200",
    expected="0.7164 on PublicTest, single view, n = 3,589, 1 seed",
)
_publish(
    replace(
        RECIPES["mien-distilled"], name="mien-distilled-polish",
        rotate=12, zoom=0.12, degrade=0.15, occlude=0.1, cutmix=0.15,
        lr=0.05, epochs=63,
    ),
    source="ours: a second cycle for a finished run of mien-distilled, named with --start; the bundled `default`",
    dataset="fer2013 with FER+ votes, with --photos of facial_expressions",
    cost="63 epochs of 1.4 seconds on an H200",
    expected="0.7200 on PublicTest, single view, n = 3,589, 1 seed",
)
_publish(
    replace(
        RECIPES["mien"], name="mien-sprint", model="mien-small", further_outputs=("distribution",),
        drop_duplicates=True, progressive_resize=0.75, rotate=0, contrast=0, erase=0,
        epochs=20, ema=0.99,
    ),
    source="ours: FER2013's labels in minutes, and FER+ votes as further output; benchmarks/speedrun.py times it",
    dataset="fer2013 with FER+ votes",
    cost="15 epochs of 11 and 5 of 20 seconds on one CPU core, in bfloat16",
    expected="0.629 on PublicTest, single view, n = 3,589, 3 seeds; above 0.62 after 281 s on one CPU core",
)
