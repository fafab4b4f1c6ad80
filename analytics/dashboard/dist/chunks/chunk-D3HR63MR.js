import{H as s,b as $,g as l,ya as r,za as m}from"./chunk-QY3K5IEE.js";function c({state:n,change:u,isOfEvents:f}){let[i,e]=$(null),o=s(i!==null,()=>import("./filter_dialog-P7T22ZXH.js")),t=({filter:d})=>d!==void 0&&u(d);return l`<div class="where"><${m} state=${n} go=${t}
    add=${()=>e({kind:"filter",index:null})} save=${()=>e({kind:"segment"})} />
    <${r} state=${n} go=${t} edit=${d=>e({kind:"filter",index:d})} />
      </div>
    ${o&&i?.kind==="filter"&&l`<${o.default} state=${n} go=${t} index=${i.index}
      isOfEvents=${f} close=${()=>e(null)} />`}
    ${o&&i?.kind==="segment"&&l`<${o.SegmentDialog} state=${n} go=${t}
      close=${()=>e(null)} />`}`}export{c as a};
