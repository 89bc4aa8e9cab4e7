"""A SearchSpec in a request's body: its data set is looked up in the registry of the service that was asked."""

from typing import Annotated

from fastapi import Depends
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError, ValidationInfo, field_validator, model_validator

from search.spec import spec as specs
from service.api.routes.dependencies import ContextDep
from service.library.datasets import registry_of


class SearchSpec(specs.SearchSpec):
    """A search: which network to scale, on what data, how far, and how hard to look.

    Only `dataset` and `baseline` are required.
    """

    @field_validator("dataset")
    @classmethod
    def _known_dataset(cls, name: str, info: ValidationInfo) -> str:  # noqa: ARG003 replaces the parent's
        return name  # a body is read before the service is known that it was sent to

    @model_validator(mode="after")
    def _with_data(self, info: ValidationInfo) -> "SearchSpec":  # noqa: ARG002 replaces the parent's
        return self

    @model_validator(mode="after")
    def _consistent(self) -> "SearchSpec":
        return self  # once the bounds that follow from the target are known


def checked(body: SearchSpec, context: ContextDep) -> specs.SearchSpec:
    """The specification with every default written out, as it is read back later; 422 when its data set is unknown."""
    document, given = body.document(), body.space.model_fields_set
    for name in {"alpha", "beta", "gamma"} - given:
        del document["space"][name]
    try:  # bounds that were left out follow from the target, which may need the data set's classes
        return specs.SearchSpec.model_validate(document, context={"datasets": registry_of(context.settings.data_dir)})
    except ValidationError as error:
        raise RequestValidationError([{**part, "loc": ("body", *part["loc"])} for part in error.errors()]) from None


Spec = Annotated[specs.SearchSpec, Depends(checked)]
