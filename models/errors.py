"""What can be wrong with a network, a recipe or the data it is trained on.

    ModelError                     anything below
    ├── InvalidScaling             a coefficient, multiplier or phi outside its law
    ├── InvalidBaseline            a stage table that describes no network
    ├── UnknownBaseline            no baseline of that name
    ├── InvalidArchitecture        integers that describe no network
    ├── InvalidRecipe              a training recipe that cannot be run
    ├── InvalidDevices             a number of devices that a training cannot be divided over
    ├── UnknownDataset             no data set of that name
    ├── InvalidDataset             a name, source or manifest that gives no data set
    │   ├── RefusedImages          images that the declared policies refuse
    │   └── SourceChanged          the source no longer holds the images that were registered
    ├── TrainingDiverged           loss or weights became NaN or infinite
    ├── NotEnoughMemory            a training that the device cannot hold
    ├── CorruptCheckpoint          bytes that differ from their own manifest
    └── InvalidWeights             a file of weights, or a parent network, that does not fit

Every message says what was wrong, what is allowed and, where there is one, the value that was given.
"""


class ModelError(Exception):
    """Something in models/ cannot do what it was asked."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class InvalidScaling(ModelError, ValueError):
    """Scaling coefficients must be finite positive numbers."""


class InvalidBaseline(ModelError, ValueError):
    """The stage table describes no network."""


class UnknownBaseline(ModelError, LookupError):
    """There is no baseline of that name."""


class InvalidArchitecture(ModelError, ValueError):
    """These integers describe no network."""


class InvalidRecipe(ModelError, ValueError):
    """The training recipe cannot be run."""


class InvalidDevices(ModelError, ValueError):
    """The training cannot be divided over that many devices."""


class UnknownDataset(ModelError, LookupError):
    """There is no data set of that name."""


class InvalidDataset(ModelError, ValueError):
    """This gives no data set."""


class RefusedImages(InvalidDataset):
    """The source holds images that the declared policies refuse."""


class SourceChanged(InvalidDataset):
    """The source no longer holds the images that were registered."""


class TrainingDiverged(ModelError):
    """The training loss became NaN or infinite."""


class NotEnoughMemory(ModelError):
    """The training needs more memory than the device has."""


class CorruptCheckpoint(ModelError):
    """The checkpoint's bytes differ from its manifest."""


class InvalidWeights(ModelError, ValueError):
    """The weights do not fit the network that is to start from them."""
