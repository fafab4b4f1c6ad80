import{Da as y,Ea as t,F as b,U as v,b as c,g as i,o as s,p as g,r as $}from"./chunk-DVZ2JOGS.js";await y(()=>import("./words_dialogs-OFBANTFS.js"),()=>import("./words_dialogs_de-ZIZBGSCI.js"));function R(r,e,o){return!r||!e?t("rangeMissing"):e<r?t("rangeReversed"):e>o?t("rangeFuture",{day:v(o,o)}):$(r,e)>s?t("rangeLong",{n:b(s)}):""}function w({title:r,isChosen:e,range:o,close:S,choose:x}){let[m,D]=c(""),l=g(),F=a=>{a.preventDefault();let n=new FormData(a.target),[d,p]=[String(n.get("from")),String(n.get("to"))],f=R(d,p,l);D(f),!f&&(x(d,p),S())},u=(a,n)=>i`<label>${t(a)}<input type="date"
name=${a} max=${l} defaultValue=${n} aria-invalid=${m!==""} /></label>`;return i`<form class="dates" aria-label=${r} novalidate onSubmit=${F}>
<div class=${"dates-title"+(e?" on":"")}>${r}</div>
${u("from",o[0])}${u("to",o[1])}
<div class="dates-problem" role="alert">${m}</div>
<button class="primary">${t("apply")}</button>
</form>`}export{w as RangeForm,R as refuseRange};
