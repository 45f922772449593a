from django.apps import AppConfig


class Peer(AppConfig):
    name = "benchmarks.peers"
    label = "peers"

    def import_models(self):
        super().import_models()
        from benchmarks.peers import tables  # noqa: F401 - models live in another module
