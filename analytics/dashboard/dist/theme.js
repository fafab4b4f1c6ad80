"use strict";(()=>{try{let e=localStorage.getItem("theme");e&&document.documentElement.dataset.embedded===void 0&&(document.documentElement.dataset.theme=e)}catch{}})();
