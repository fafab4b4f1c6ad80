// The words of the pages of events, goals and experiments. A page that imports this module waits for them.
import { addWords, language } from "../app/words.js";

addWords(await (language === "de" ? import("../app/words_events_de.js").then((words) => words.de)
  : import("../app/words_events.js").then((words) => words.en)));
