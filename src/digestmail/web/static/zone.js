// The time zone of whoever looks, unless they have chosen one: without scripts it is typed.
"use strict";
const zone = document.getElementById("timezone");
const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && here && zone.value === "UTC") {
  zone.value = here;
}
