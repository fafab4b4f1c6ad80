// Adds the words of funnels and users before a module that imports this one shows anything.
import { addWords, language } from "../app/words.js";
// It shows words of those pages, too.

addWords(await (language === "de" ? import("../app/words_funnels_de.js").then((words) => words.de)
  : import("../app/words_funnels.js").then((words) => words.en)));
