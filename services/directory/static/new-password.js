// Moves the code of a link from behind the "#" of the address, which no server sees, into the form and out of the
// address bar. Without it the code is copied into the field by hand.
const field = document.querySelector("input[name=code]");
const code = window.location.hash.slice(1);
if (field && /^[A-Za-z0-9_-]{40,}$/.test(code)) {
  field.value = code;
  window.history.replaceState(null, "", window.location.pathname);
}
