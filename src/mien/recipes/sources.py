"""What the sources of the five published recipes state, and what they leave open, part by part.

A part is called as the field of `Recipe` that holds it, where one does. What is open says what the recipe does instead.
"""

LAST_BATCH = "the last, smaller batch of an epoch is used, as Keras and PyTorch do by default"

STATED: dict[str, dict[str, str]] = {
    "efficientnet-b0": {
        "data": "Kaggle's folders train and validation, 28,821 and 7,066 images",
        "batch": "32: 901 batches of training and 221 of validation images an epoch",
        "drop_last": "no: the last batch of an epoch has 21 images",
        "classes": "7, in the order of the folders' names",
        "model": "EfficientNet-B0 of timm",
        "pretrained": "weights of ImageNet",
        "channels": "3",
        "flip": "0.5",
        "rotate": "-20 to 20 degrees",
        "optimizer": "Adam",
        "lr": "0.001",
        "epochs": "15",
        "select": "the epoch with the lowest validation loss; it was epoch 4",
        "progress": "a line for each epoch and phase with it/s, running loss and accuracy; BEST WEIGHTS SAVED where "
        "the validation loss falls",
        "counts": "of images and batches of both splits, and the number of each class",
        "pictures": "a training image with its label; sample predictions next to bars of the seven probabilities",
    },
    "three-class": {
        "data": "arrays: 16,175 images for training, 3,965 for the leaderboard; reshaped with -1",
        "scaling": "pixels / 255",
        "targets": "one-hot; cross-entropy on class numbers is the same",
        "classes": "0 angry, 1 happy, 2 neutral",
        "model": "convolutions, each followed by pooling, normalisation and dropout",
        "optimizer": "Adam",
        "lr": "0.001",
        "schedule": "plateau",
        "patience": "5",
        "early_stop": "yes",
        "epochs": "at most 50",
        "submission": "a CSV of class numbers (mien submit); the pass mark is 0.76696",
    },
    "resnet9": {
        "data": "Kaggle's folders, cut into 80, 10 and 10 % (mien data split), read by ImageFolder",
        "classes": "7, in the order of the folders' names",
        "channels": "3, as ImageFolder reads",
        "scaling": "normalised per channel",
        "pad": "4",
        "crop": "32 x 32, random",
        "flip": "0.5",
        "model": "residual blocks, batch norm",
        "optimizer": "Adam",
        "schedule": "one-cycle, after every batch",
        "weight_decay": "yes",
        "clip_value": "yes",
        "results": "the learning rate over the steps, drawn",
    },
    "vgg-5x5": {
        "data": "fer2013.csv with two columns, emotion and pixels; 90 % for training, 10 % for the test",
        "scaling": "pixels / 255",
        "classes": "7, the codes of FER2013",
        "model": "pairs of convolutions of 64 (5x5), 128 (5x5) and 256 (3x3), each pair with batch norm, 2x2 "
        "max-pooling and ReLU; dense 128 with batch norm, ReLU and dropout 0.25; softmax",
        "optimizer": "Adam",
        "lr": "0.001",
        "batch": "64",
        "epochs": "20",
        "results": "a confusion matrix",
    },
    "three-conv": {
        "data": "muxspace/facial_expressions",
        "classes": "8",
        "model": "convolutions of 16, 32 and 64, each followed by 2x2 max-pooling; dense 1024 with ReLU; softmax",
        "targets": "one-hot; cross-entropy on class numbers is the same",
        "optimizer": "Adam",
        "lr": "0.01",
    },
}

OPEN: dict[str, dict[str, str]] = {
    "efficientnet-b0": {
        "size": "48 x 48, as the files are",
        "scaling": "pixels / 255",
        "rotate": "the corners repeat the edge; torchvision's default is black",
        "weight_decay": "none",
        "schedule": "constant",
    },
    "three-class": {
        "layers": "four blocks of a 3x3 convolution (32, 64, 128, 256 filters, padding `same`) and 2x2 max-pooling; "
        "dense 256",
        "dropout": "0.25 after each block, 0.5 after the dense layer",
        "batch": "64",
        "drop_last": LAST_BATCH,
        "schedule": "lr / 10, by the validation loss: Keras' defaults",
        "patience": "as PyTorch counts: the sixth epoch without a lower loss lowers the rate; Keras lowers it after "
        "the fifth (--patience 4)",
        "early_stop": "after 10 epochs without a lower validation loss",
        "holdout": "a tenth of the training images, stratified, is the validation split",
        "select": "the epoch with the highest validation accuracy, which the leaderboard counts",
    },
    "resnet9": {
        "size": "48 x 48; the validation split is scored on whole images",
        "scaling": "by the mean and deviation of the training split",
        "pad": "by reflection",
        "layers": "widths 64, 128, 256, 512, residual blocks at 128 and 512, as courses teach it",
        "batch": "128",
        "drop_last": LAST_BATCH,
        "epochs": "15",
        "lr": "0.01 at the peak",
        "weight_decay": "0.0001, as L2 penalty",
        "clip_value": "each value of the gradient to -0.1 .. 0.1",
        "select": "the epoch with the lowest validation loss",
    },
    "vgg-5x5": {
        "drop_last": LAST_BATCH,
        "holdout": "a seeded tenth, stratified; where the file has Usage, its own splits",
        "select": "the last epoch: the 10 % are a test part, on which nothing may be chosen. To choose on a part of "
        "the 90 %: mien data split --shares 81 9 10, then --select loss",
    },
    "three-conv": {
        "kernel": "'units with stride 3,3' is read as kernels of 3x3; as a stride of 3 it is --model "
        "three-conv-stride-3, which has one pixel left after the second pooling",
        "padding": "`same`: 2.39 M parameters; Keras' default, `valid`, would have 1.08 M",
        "activation": "of the convolutions: ReLU",
        "weights": "at the start: PyTorch's defaults, with which one of three seeds always says neutral; with Keras', "
        "Glorot's, two of the three do",
        "size": "48 x 48, grey, the photo as a whole",
        "scaling": "pixels / 255",
        "holdout": "by person: 10 % of the persons for validation and 10 % for the test",
        "batch": "64",
        "drop_last": LAST_BATCH,
        "epochs": "10",
        "select": "the epoch with the lowest validation loss",
    },
}
