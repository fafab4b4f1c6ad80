import{E as c,b as m,g as r}from"./chunk-DVZ2JOGS.js";function M({values:o,label:l,describe:p,marks:d,isOpen:h,height:$=120}){let[a,e]=m(-1),u=Math.max(1,...o),f=t=>{let n=o.length-1,i={ArrowLeft:a<0?n:Math.max(0,a-1),ArrowRight:a<0?0:Math.min(n,a+1),Home:0,End:n,Escape:-1}[t.key];i!==void 0&&(t.preventDefault(),e(i))},s=t=>{let n=t.currentTarget.getBoundingClientRect();e(Math.min(o.length-1,Math.max(0,Math.floor((t.clientX-n.left)/n.width*o.length))))};return r`<div class="columns-box">
<div class="columns-read num"><span aria-hidden="true">${c(Math.max(0,...o))}</span><span class="grow"></span><span
role="status">${a>=0&&a<o.length?p(a):""}</span></div>
<div class="columns" role="application" tabindex="0" aria-label=${l} style=${{"--h":$+"px"}}
onKeyDown=${f} onPointerMove=${s} onPointerDown=${s} onPointerLeave=${()=>e(-1)} onBlur=${()=>e(-1)}>
${o.map((t,n)=>r`<i key=${n}
class=${(t?"":"nil")+(n===a?" at":"")+(h&&n===o.length-1?" part":"")}
style=${{"--v":t/u*100+"%"}}></i>`)}
</div>
<div class="columns-marks num" aria-hidden="true">${d.map(t=>r`<span>${t}</span>`)}</div>
</div>`}export{M as a};
