// Adds the words of operations before a module that imports this one shows anything.
import { addWords, language } from "../app/words.js";

addWords(await (language === "de" ? import("../app/words_operations_de.js").then((words) => words.de)
  : import("../app/words_operations.js").then((words) => words.en)));
