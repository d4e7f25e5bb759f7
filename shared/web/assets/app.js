// Starts the few components of govuk-frontend that a page can have, and fetches pieces of other services. Every page works
// without this file.
import {
  Button,
  CharacterCount,
  Checkboxes,
  createAll,
  ErrorSummary,
  NotificationBanner,
  PasswordInput,
  Radios,
  ServiceNavigation,
  SkipLink,
} from "govuk-frontend";

document.body.classList.add("js-enabled", "govuk-frontend-supported");

createAll(Button, { preventDoubleClick: true });
for (const component of [
  CharacterCount,
  Checkboxes,
  ErrorSummary,
  NotificationBanner,
  PasswordInput,
  Radios,
  ServiceNavigation,
  SkipLink,
]) {
  createAll(component);
}

// What another service has to say on this page, for who is signed in. Without an answer the page stands as it is.
for (const place of document.querySelectorAll("[data-piece]")) {
  fetch(place.dataset.piece)
    .then(async (answer) => {
      if (!answer.ok || answer.redirected) return;
      const piece = new DOMParser().parseFromString(await answer.text(), "text/html");
      place.replaceChildren(...piece.body.childNodes);
    })
    .catch(() => {});
}
