"""A lease of a periodic job: which worker runs it until when, so that any number may run, and how it went."""

from django.db import models


class AbstractLease(models.Model):
    """One row for each job of a service."""

    job = models.CharField(primary_key=True, max_length=64)
    until = models.DateTimeField()
    succeeded_at = models.DateTimeField(null=True)
    successes = models.PositiveBigIntegerField(default=0, db_default=0)
    failures = models.PositiveBigIntegerField(default=0, db_default=0)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.job
