"""Operations for migrations of tables that are in use."""

from typing import Any

from django.db import migrations


class AddIndexInUse(migrations.AddIndex):
    """As AddIndex, but nobody who writes waits for it: on PostgreSQL it is built CONCURRENTLY.

    The migration needs `atomic = False`, and nothing in it that cannot be done twice: one that was cut off is done
    again. An index that is there, perhaps invalid, goes first.
    """

    atomic = False

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            schema_editor.execute(f'DROP INDEX IF EXISTS "{self.index.name}"')
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return

        model = to_state.apps.get_model(app_label, self.model_name)
        schema_editor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{self.index.name}"')
        schema_editor.add_index(model, self.index, concurrently=True)
