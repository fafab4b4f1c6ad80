import{Pa as m,b as $,g as l,ua as s,va as r}from"./chunk-DVZ2JOGS.js";function c({state:n,change:u,isOfEvents:f}){let[i,e]=$(null),o=m(i!==null,()=>import("./filter_dialog-IW44GYJB.js")),t=({filter:d})=>d!==void 0&&u(d);return l`<div class="where"><${r} state=${n} go=${t}
add=${()=>e({kind:"filter",index:null})} save=${()=>e({kind:"segment"})} />
<${s} state=${n} go=${t} edit=${d=>e({kind:"filter",index:d})} />
</div>
${o&&i?.kind==="filter"&&l`<${o.default} state=${n} go=${t} index=${i.index}
isOfEvents=${f} close=${()=>e(null)} />`}
${o&&i?.kind==="segment"&&l`<${o.SegmentDialog} state=${n} go=${t}
close=${()=>e(null)} />`}`}export{c as a};
