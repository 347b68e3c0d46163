"""The plates that were opened, as tabs; going back to one brings its results back."""

from __future__ import annotations

from qtpy.QtWidgets import QTabBar

from napari_mid.session import Session
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.parts import listen


class PlateTabs(QTabBar):
    """A tab for each open plate; hidden while there is one."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self.session = session
        self.shelf = actions.shelf
        self.setTabsClosable(True)
        self.setExpanding(False)
        self.setDrawBase(False)
        self.setAccessibleName("open plates")
        self.currentChanged.connect(self._chosen)
        self.tabCloseRequested.connect(lambda index: self.shelf.close(self.tabData(index)))
        listen(self, self._show, session.events.plate_changed, self.shelf.changed)
        self._show()

    def _chosen(self, index: int) -> None:
        if index >= 0:
            self.shelf.show(self.tabData(index))

    def _show(self) -> None:
        plates = self.shelf.plates
        self.blockSignals(True)
        while self.count():
            self.removeTab(0)
        for path, name in plates.items():
            index = self.addTab(name)
            self.setTabData(index, path)
            self.setTabToolTip(index, path)
        current = "" if self.session.plate is None else str(self.session.plate.path)
        if current in plates:
            self.setCurrentIndex(list(plates).index(current))
        self.blockSignals(False)
        self.setVisible(len(plates) > 1)
