"""A lease of a periodic job: which worker runs it until when, so that any number of workers may run."""

from django.db import models


class AbstractLease(models.Model):
    """One row for each job of a service."""

    job = models.CharField(primary_key=True, max_length=64)
    until = models.DateTimeField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.job
