"""A live look at what the settings of the detector do: the nuclei of what is on screen, found anew when either changes."""

from __future__ import annotations

from collections.abc import MutableMapping

from qtpy.QtCore import QObject, Signal

from napari_mid.errors import ChannelError
from napari_mid.session import Session
from napari_mid.viewer.compat import camera
from napari_mid.viewer.image_layers import pixel_scale
from napari_mid.viewer.one_shot import one_shot
from napari_mid.viewer.region import region_in_view
from napari_mid.widgets.actions import Actions
from napari_mid.widgets.parts import listen
from napari_mid.widgets.steps import detection_settings
from napari_mid.widgets.work import QUIET_LANE
from napari_mid.workflow.detect_region import RegionNuclei, detect_region_steps, region_within

#: How long settings and view must have been left alone, in milliseconds.
STILL_MS = 200


class NucleiPreview(QObject):
    """Finds the nuclei on screen in the background while it is `on`; at most one search runs, the last wish counts.

    Parameters
    ----------
    session, actions
        Of the window.
    parent
        It ends with its parent.
    """

    #: `text` or `found` is another
    changed = Signal()

    def __init__(self, session: Session, actions: Actions, parent: QObject) -> None:
        super().__init__(parent)
        self.session = session
        self.actions = actions
        #: what was found last, while it is shown
        self.found: RegionNuclei | None = None
        #: what is to be said about it
        self.text = ""
        self._on = False
        self._again = False
        self._estimates: dict[tuple[object, ...], MutableMapping[int, float]] = {}
        self._timer = one_shot(self, self._search, STILL_MS)
        events, view = session.events, camera(actions.presenter.viewer)
        listen(parent, self._start_again, events.well_changed, events.plate_changed, events.images_changed)
        listen(parent, self._on_editing, events.editing_changed)
        view.events.center.connect(self._on_camera)
        view.events.zoom.connect(self._on_camera)
        moved = self._on_camera

        def stop() -> None:
            view.events.center.disconnect(moved)
            view.events.zoom.disconnect(moved)

        parent.destroyed.connect(stop)

    @property
    def on(self) -> bool:
        """Whether nuclei are previewed."""
        return self._on

    @on.setter
    def on(self, on: bool) -> None:
        self._on = on
        if on:
            self.request()
        else:
            self._forget()

    def request(self) -> None:
        """Search, once settings and view are left alone for a moment."""
        if self._on and self.session.images is not None and self.session.editing is None:
            self._timer.start()

    def _start_again(self) -> None:
        """Another well, or other images or roles: what was found, or will be by the search under way, is of before."""
        if self._on:
            self._stop()
            self.actions.presenter.clear_preview()
            self.found, self.text = None, ""
            self.changed.emit()
            self.request()

    def _on_camera(self) -> None:
        self.request()

    def _on_editing(self) -> None:
        if self.session.editing is not None:
            self._forget()
        else:
            self.request()

    def _forget(self) -> None:
        self._stop()
        if self.actions.presenter.preview.layer is not None:
            self.actions.presenter.show_preview(None)
        self.found, self.text = None, ""
        self.changed.emit()

    def _stop(self) -> None:
        """Drop what is found later."""
        self._timer.stop()
        self._again = False
        self.actions.jobs.cancel(QUIET_LANE, quiet=True)

    def _tell(self, found: RegionNuclei | None, text: str) -> None:
        if found is not None or self.found is not None:
            self.actions.presenter.show_preview(found)
        self.found, self.text = found, text
        self.changed.emit()

    def _search(self) -> None:
        session, plate, images = self.session, self.session.plate, self.session.images
        if not self._on or plate is None or images is None or session.well is None or session.editing is not None:
            return
        if self.actions.jobs.running(QUIET_LANE):
            self._again = True  # one at a time: threads would pile up where a search takes long
            return
        from napari_mid.workflow.detect import nucleus_channel

        contract = session.contract
        try:
            channel = nucleus_channel(contract.plate if contract is not None and contract.plate is not None else plate)
        except ChannelError as error:
            self._tell(None, str(error))
            return
        scale, _ = pixel_scale(plate)
        view = region_in_view(self.actions.presenter.viewer, scale, images.layout.shape)
        if view is None:
            self._tell(None, "preview: the well is out of view")
            return
        settings, region = detection_settings(session), region_within(view)
        asked = (session.image_key(session.well), channel, settings)
        estimates = self._estimates.setdefault((asked[0], channel, settings.detector, settings.sensitivity), {})
        steps = detect_region_steps(
            images,
            channel,
            region,
            settings=settings,
            pixel_size_um=plate.pixel_size_um,
            device=session.device,
            estimates=estimates,
        )

        def show(found: RegionNuclei) -> None:
            again, self._again = self._again, False
            if session.well == images.well and detection_settings(session) == settings:
                self._tell(found, preview_text(found, plate.pixel_size_um, whole=region == view))
            if again:
                self._search()

        self.actions.jobs.start(QUIET_LANE, "previewing nuclei", steps, show, failed=lambda error: self._tell(None, str(error)))


def preview_text(found: RegionNuclei, pixel_size_um: float | None, *, whole: bool) -> str:
    """``"preview: 84 nuclei in view, 14.2 px (9.1 µm)"``; `whole` is False where only the middle of the view was looked at."""
    if found.used_px is None:
        return "preview: no field is in view"
    where = "in view" if whole else "in the middle of the view"
    return f"preview: {nuclei_text(len(found.places))} {where}, {diameter_text(found.used_px, pixel_size_um)}"


def diameter_text(diameter_px: float, pixel_size_um: float | None) -> str:
    """``"14.2 px (9.1 µm)"``; without µm where the pixel size is unknown."""
    return f"{diameter_px:.1f} px" + (f" ({diameter_px * pixel_size_um:.1f} µm)" if pixel_size_um else "")


def nuclei_text(count: int) -> str:
    """``"1 nucleus"``, ``"1,204 nuclei"``."""
    return f"{count:,} nucle" + ("us" if count == 1 else "i")
