// Adds the words of the first pages beside the overview before a module that imports this one shows anything.
import { addWords, language } from "../app/words.js";

addWords(await (language === "de" ? import("../app/words_pages_de.js").then((words) => words.de)
  : import("../app/words_pages.js").then((words) => words.en)));
